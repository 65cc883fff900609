"""Small made-up copies of the layouts that archives come in: nine, each of four images or more, by its own maker."""

import numpy as np
from PIL import Image, ImageFilter

MELANOMAS = {"mel"}


def picture(path, number, *, size=(64, 48), quality=95):
    """Write a picture of its own for each number; the same number in another size or quality shows the same lesion."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).resize(
        (256, 192), Image.Resampling.BICUBIC
    )
    fine = Image.fromarray(rng.integers(0, 256, (192, 256, 3), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(1))
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"quality": quality} if path.suffix in (".jpg", ".jpeg") else {}
    Image.blend(coarse, fine, 0.4).resize(size, Image.Resampling.LANCZOS).save(path, **options)


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def ham10000(folder):
    for number in range(4):
        picture(folder / f"HAM10000_images_part_{1 + number % 2}/ISIC_{number}.jpg", number)
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset"
    rows = ["HAM_0,ISIC_0,mel,histo,50.0,male,back,rosendahl", "HAM_1,ISIC_1,nv,follow_up,,,face,vidir_molemax"]
    write(folder / "HAM10000_metadata.csv", header, *rows, "HAM_1,ISIC_2,nv,,,,,rosendahl", "HAM_3,ISIC_3,bkl,,,,,")
    return {"dx": ["mel", "nv", "nv", "bkl"], "lesions": 3, "sources": {"rosendahl", "vidir_molemax"}}


def isic_2018(folder):
    for number in range(4):
        picture(folder / f"ISIC2018_Task3_Training_Input/ISIC_{number}.jpg", number)
    rows = ["ISIC_0,1.0,0.0,0.0,0.0", "ISIC_1,0.0,1.0,0.0,0.0", "ISIC_2,0.0,0.0,1.0,0.0", "ISIC_3,0.0,0.0,0.0,1.0"]
    write(folder / "ISIC2018_Task3_Training_GroundTruth.csv", "image,MEL,NV,BCC,AKIEC", *rows)
    groups = ["ISIC_0,L0,histopathology", "ISIC_1,L1,x", "ISIC_2,L2,x", "ISIC_3,L2,x"]
    write(folder / "ISIC2018_Task3_Training_LesionGroupings.csv", "image,lesion_id,diagnosis confirm type", *groups)
    return {"dx": ["mel", "nv", "other", "other"], "lesions": 3}  # L2's two images disagree


def isic_2019(folder):
    for number in range(4):
        picture(folder / f"ISIC_2019_Training_Input/ISIC_{number}.jpg", number)
    rows = ["ISIC_0,1.0,0.0,0.0,0.0,0.0", "ISIC_1,0.0,1.0,0.0,0.0,0.0", "ISIC_2,0.0,0.0,0.0,1.0,0.0"]
    header = "image,MEL,NV,AK,SCC,UNK"
    write(folder / "ISIC_2019_Training_GroundTruth.csv", header, *rows, "ISIC_3,0.0,0.0,1.0,0.0,0.0")
    metadata = ["ISIC_0,55.0,anterior torso,,female", "ISIC_1,30.0,,BCN_1,male", "ISIC_2,,,,", "ISIC_3,60.0,,,"]
    header = "image,age_approx,anatom_site_general,lesion_id,sex"
    write(folder / "ISIC_2019_Training_Metadata.csv", header, *metadata)
    return {"dx": ["mel", "nv", "other", "akiec"], "lesions": 4, "localization": "anterior torso"}


def isic_2020(folder):
    for number in range(4):
        picture(folder / f"train/ISIC_{number}.jpg", number)
    header = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"
    rows = ["ISIC_0,IP_1,male,45.0,head/neck,melanoma,malignant,1", "ISIC_1,IP_1,male,45.0,torso,nevus,benign,0"]
    more = ["ISIC_2,IP_2,,,,seborrheic keratosis,benign,0", "ISIC_3,IP_2,,,,unknown,benign,0"]
    write(folder / "train.csv", header, *rows, *more)
    return {"dx": ["mel", "nv", "bkl", "other"], "lesions": 4, "patients": 2}


def isic_archive(folder):
    for number in range(4):
        picture(folder / f"ISIC_{number}.jpg", number)
    header = "isic_id,attribution,age_approx,diagnosis_1,diagnosis_2,diagnosis_3,lesion_id,patient_id"
    melanoma = "Malignant melanocytic proliferations (Melanoma)"
    rows = [
        f'ISIC_0,"Hospital Clínic de Barcelona",60,Malignant,"{melanoma}","Melanoma, NOS",IL_0,IP_0',
        'ISIC_1,"ViDIR Group",30,Benign,"Benign melanocytic proliferations",Nevus,IL_1,IP_1',
        'ISIC_2,"ViDIR Group",70,Malignant,"Malignant adnexal proliferations","Basal cell carcinoma",IL_2,IP_1',
        'ISIC_3,"ViDIR Group",70,Benign,"Benign epidermal proliferations","Seborrheic keratosis",IL_3,IP_2',
    ]
    write(folder / "metadata.csv", header, *rows)
    return {"dx": ["mel", "nv", "bcc", "bkl"], "lesions": 4, "patients": 3, "sources": {"Hospital Cl_nic de Barcelona"}}


def ph2(folder):
    names = [f"IMD00{number}" for number in range(4)]
    for number, name in enumerate(names):
        picture(folder / f"PH2 Dataset images/{name}/{name}_Dermoscopic_Image/{name}.bmp", number)
        picture(folder / f"PH2 Dataset images/{name}/{name}_lesion/{name}_lesion.bmp", 100 + number)
    lines = [f"|| {name} ||    ||   {code}   ||   0   ||" for name, code in zip(names, "2010", strict=True)]
    header = "|| Name || Histological Diagnosis || Clinical Diagnosis || Asymmetry ||"
    legend = ["Legends:", "Clinical Diagnosis:", "  0 - Common Nevus; 1 - Atypical Nevus; 2 - Melanoma."]
    write(folder / "PH2_dataset.txt", header, *lines, *legend)
    return {"dx": ["mel", "nv", "nv", "nv"], "lesions": 4}


def derm7pt(folder):
    for number, name in enumerate(("NEL/Nel026", "NEL/Nel027", "Aal/Aal002", "Aal/Aal003")):
        picture(folder / f"images/{name}.jpg", number)
        picture(folder / f"images/{name}c.jpg", 100 + number)  # the clinical picture beside it
    header = "case_num,diagnosis,seven_point_score,location,sex,clinic,derm,case_id"
    rows = [
        "1,melanoma (in situ),3,back,male,NEL/Nel026c.jpg,NEL/Nel026.jpg,",
        "2,clark nevus,1,head neck,female,NEL/Nel027c.jpg,NEL/Nel027.jpg,",
        "3,basal cell carcinoma,1,abdomen,female,Aal/Aal002c.jpg,Aal/Aal002.jpg,",
        "4,lentigo,1,back,male,Aal/Aal003c.jpg,Aal/Aal003.jpg,",
    ]
    write(folder / "meta/meta.csv", header, *rows)
    write(folder / "meta/train_indexes.csv", "indexes", "0")
    return {"dx": ["mel", "nv", "bcc", "other"], "lesions": 4}


def pad_ufes_20(folder):
    names = ["PAT_1_1_10", "PAT_1_2_20", "PAT_2_3_30", "PAT_3_4_40"]
    for number, name in enumerate(names):
        picture(folder / f"images/imgs_part_{1 + number % 3}/{name}.png", number)
    header = "patient_id,lesion_id,smoke,age,region,gender,diagnostic,img_id,biopsed"
    kinds = ["MEL", "NEV", "ACK", "SEK"]
    rows = [
        f"PAT_{name.split('_')[1]},{number},False,55,ARM,MALE,{kind},{name}.png,True"
        for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    write(folder / "metadata.csv", header, *rows)
    return {"dx": ["mel", "nv", "akiec", "bkl"], "lesions": 4, "patients": 3}


def folders(folder):
    for number, name in enumerate(("melanoma/a 1.jpg", "melanoma/2.jpeg", "nevus/2.png", "other/b.tif")):
        picture(folder / name, number)
    return {"dx": ["mel", "mel", "nv", "other"], "lesions": 4}


LAYOUTS = [ham10000, isic_2018, isic_2019, isic_2020, isic_archive, ph2, derm7pt, pad_ufes_20, folders]
